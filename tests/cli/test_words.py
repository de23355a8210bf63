"""Sentences of the library in the words of the command that was typed."""

import pytest

from labkit.cli import cli
from labkit.cli.words import command_of, in_options


@pytest.mark.parametrize(
    ("arguments", "sentence", "said"),
    [
        (["runs", "recommend"], "say which with data=", "say which with --data"),
        (["runs", "recommend", "--data", "x"], "say which with model=", "say which with --model"),
        (["audit"], "give base=, the model it was compressed from", "give --model, the model it was compressed from"),
        (["audit"], "give the file of its weights with weights=", "give the file of its weights with --weights"),
        (["audit"], "name it yourself with model=net.py:Net", "name it yourself with --model net.py:Net"),
        (["compress"], "pics: give size= to resize them all", "pics: give --size to resize them all"),
        (["compress"], "distill needs a data set (data=…), got none", "distill needs a data set (--data), got none"),
        (["compress"], "give calibration=, or steps=0 and init='svd'", "give --set calibration=data, or steps=0 and init='svd'"),
        (["compress"], "save the file as UTF-8 or give encoding= (latin-1)", "save the file as UTF-8 or give --encoding (latin-1)"),
        (["compress"], "fill it, or give missing='drop' to leave", "fill it, or give --missing drop to leave"),
        (["sweep"], "mlp: low_rank(budget=0.001, data=x): no", "mlp: low_rank(budget=0.001, data=x): no"),
        (["compress"], "say which one is favourable with pos_label=", "say which one is favourable with --favourable"),
        (["models", "list"], "say which with data=", "say which with data="),
    ],
)  # fmt: skip
def test_arguments_become_the_options_of_the_command(arguments, sentence, said):
    assert in_options(sentence, command_of(cli, arguments)) == said
