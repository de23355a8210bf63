"""The fields of the form "your own", and errors in their words instead of those of the command line and the library."""

import re

FIELDS = {
    "model": "network",
    "weights": "weights",
    "data": "data",
    "target": "target column",
    "groups": "sensitive columns",
    "size": "image size",
    "favourable": "favourable class",
    "encoding": "encoding",
    "missing": "missing values",
    "categories": "category columns",
    "drop": "columns to leave out",
    "separator": "separator",
    "decimal": "decimal mark",
}
_NAMES = "|".join(FIELDS)


def in_fields(text: str) -> str:
    """Return an error in which options and arguments are called what the form calls them.

    Examples
    --------
    >>> in_fields("timm:resnet18 needs data (--data): a data set's name")
    'timm:resnet18 needs data (field "data"): a data set\\'s name'
    """
    call = r"use labkit\.data\.from_csv\(.*\)"
    text = re.sub(call, f'fill in the field "{FIELDS["target"]}"', text)
    text = re.sub(r"\bgive missing='drop'", f'choose "drop" in the field "{FIELDS["missing"]}"', text)
    text = re.sub(r"\b(give|in) size=(\d+)", rf'fill in the field "{FIELDS["size"]}" with \2', text)
    both = rf"\b(?:size|{_NAMES})=, or --(?P<both>{_NAMES})\b"
    text = re.sub(both, lambda found: f'field "{FIELDS[found["both"]]}"', text)
    text = re.sub(rf"\bgive (?P<name>{_NAMES})=…?(?=[ ,.;)]|$)", lambda found: f'fill in the field "{FIELDS[found["name"]]}"', text)
    text = re.sub(r"(?<=: )(?=--model \S+:)", "labkit app ", text)  # code is no field's
    text = re.sub(rf"(?<![\w-])(?<!labkit app )--(?P<name>{_NAMES})\b", lambda found: f'field "{FIELDS[found["name"]]}"', text)
    return re.sub(rf"(?<![\w-])(?P<name>{_NAMES})=…?(?=[ ,.;)]|$)", lambda found: f'field "{FIELDS[found["name"]]}"', text)
