"""The one table from the name of a format to what reads it."""

from collections.abc import Iterator

from service.imports.bods import read_bods
from service.imports.ftm import read_ftm
from service.imports.gleif import read_gleif
from service.imports.journal import Options
from service.imports.own_csv import read_csv
from service.imports.own_json import read_json
from service.imports.records import Row
from service.imports.streams import ByteStream, ImportFile


def read_rows(file: ImportFile, stream: ByteStream, options: Options) -> Iterator[Row]:
    """The rows of a file, as its format has them.

    Raises:
        BrokenFile: it cannot be read, or not on.
    """
    match options.format:
        case "csv":
            return read_csv(stream.bytes, source=options.source, table=options.table, name=file.name)
        case "ndjson":
            return read_json(stream.bytes, source=options.source)
        case "bods":
            return read_bods(file, stream.bytes, source=options.source)
        case "gleif":
            return read_gleif(stream.bytes, source=options.source)
        case "ftm":
            return read_ftm(file, stream.bytes, source=options.source, lists=options.lists)
