"""How large data may be: checked before memory is taken, so that a short file cannot exhaust it."""

from __future__ import annotations

MAX_TEXT = 500_000_000  # bytes of a CSV file, after decompression
MAX_RATIO = 200  # times its own size that an archive may decompress to ...
MIN_TEXT = 10_000_000  # ... where that is more than this many bytes
MAX_CELLS = 50_000_000  # rows times columns of a CSV file
MAX_CATEGORIES = 1_000  # columns that one column of text may be made into
MAX_FEATURES = 20_000  # columns that a table becomes, categories included
MAX_TABLE = 2_000_000_000  # bytes of the features of a table, four each
MAX_BYTES = 8_000_000_000  # of pictures, one a channel and pixel, or of an array
MAX_CLASSES = 10_000
MAX_GROUPS = 10_000  # different groups in one sensitive column
MAX_SIDE = 4_096  # pixels to which pictures are resized


def refuse_classes(number: int, where: str) -> None:
    """Refuse more classes than a data set may have.

    Parameters
    ----------
    number : int
    where : str
        File, folder or data set, for the error message.

    Raises
    ------
    ValueError
        If there are more than `MAX_CLASSES`.
    """
    if number > MAX_CLASSES:
        raise ValueError(f"{where}: {number:,} classes, and at most {MAX_CLASSES:,} are allowed; join or leave out the rare ones")


def refuse_bytes(number: int, what: str, where: str, remedy: str, *, limit: int = MAX_BYTES) -> None:
    """Refuse examples that take more memory than a data set may.

    Parameters
    ----------
    number : int
        Bytes.
    what : str
        What takes them, e.g. "20,000 features of 15,000 rows".
    where : str
        File, folder or data set, for the error message.
    remedy : str
    limit : int
        Bytes that are allowed.

    Raises
    ------
    ValueError
        If they are more.
    """
    if number > limit:
        raise ValueError(f"{where}: {what} take {number / 1e9:,.1f} GB, and at most {limit / 1e9:g} GB are allowed; {remedy}")


def refuse_features(rows: int, features: int, where: str) -> None:
    """Refuse a table that becomes too wide or too large.

    Parameters
    ----------
    rows, features : int
    where : str
        The file, for the error message.

    Raises
    ------
    ValueError
        If there are more than `MAX_FEATURES`, or all take more than `MAX_TABLE`.
    """
    remedy = "leave columns out with drop=, or pool rare categories with a smaller max_categories="
    if features > MAX_FEATURES:
        raise ValueError(f"{where} becomes {features:,} features, and at most {MAX_FEATURES:,} are allowed; {remedy}")
    refuse_bytes(4 * rows * features, f"{features:,} features of {rows:,} rows", where, remedy, limit=MAX_TABLE)
