"""Labels of networks and data sets in a table of runs: names, with fingerprints where one name stands for several."""

from __future__ import annotations

import pandas as pd

DIGITS = 6


def labelled(table: pd.DataFrame) -> pd.DataFrame:
    """Tell networks of one name apart, and data sets of one name.

    Parameters
    ----------
    table : DataFrame
        As `Store.table`: with columns model, data, and ``network_sha`` and ``data_id``, without which nothing changes.

    Returns
    -------
    DataFrame
        The same rows; ``model`` and ``data`` carry the beginning of the fingerprint where a name has several, e.g.
        "custom (1a2b3c)".

    Examples
    --------
    >>> table = pd.DataFrame({"model": ["a", "a", "b"], "network_sha": ["12345678", "9abcdef0", "12345678"]})
    >>> labelled(table)["model"].tolist()
    ['a (123456)', 'a (9abcde)', 'b']
    """
    for name, fingerprint in (("model", "network_sha"), ("data", "data_id")):
        if name in table and fingerprint in table and len(table):
            table = table.assign(**{name: _apart(table[name], table[fingerprint])})
    return table


def by_data(table: pd.DataFrame) -> pd.DataFrame:
    """Name the data set beside the network where a network has runs on several.

    Parameters
    ----------
    table : DataFrame
        As `labelled` returns it.

    Returns
    -------
    DataFrame
        ``model`` is e.g. "vit_fashion on mnist" for such networks.
    """
    if not {"model", "data"} <= set(table.columns) or table.empty:
        return table
    several = table.groupby("model")["data"].transform("nunique") > 1
    return table.assign(model=table["model"].where(~several, table["model"] + " on " + table["data"].astype(str)))


def _apart(names: pd.Series, fingerprints: pd.Series) -> pd.Series:
    known = fingerprints.fillna("").astype(str)
    several = known.where(known != "").groupby(names).transform("nunique") > 1
    digits = DIGITS
    while digits < known.str.len().max() and known.str[:digits].nunique() < known.nunique():
        digits += 2
    marked = names.astype(str) + " (" + known.str[:digits] + ")"
    return names.where(~several | (known == ""), marked.str.strip())
