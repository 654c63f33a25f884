"""The log of a run: a magic line, then records of raw chunks (stream, microseconds since 1970 UTC, length; then the bytes)."""
import struct

MAGIC = b'ERRLOG1\n'
START = len(MAGIC)
HEADER = struct.Struct('>BQI')
HEADER_SIZE = HEADER.size
LONGEST = 262144
STDOUT, STDERR, CONTROL = 1, 2, 3


def whole_records(data):
    """(end of the last whole record in `data`, size of the record after it or 0 when its header is not there yet); a size of None: no record."""
    position, size = 0, len(data)
    unpack = HEADER.unpack_from
    while position + HEADER_SIZE <= size:
        stream, _, length = unpack(data, position)
        if not 1 <= stream <= 3 or length > LONGEST:
            return position, None
        end = position + HEADER_SIZE + length
        if end > size:
            return position, HEADER_SIZE + length
        position = end
    return position, 0


def records(data):
    """The whole records of `data` as (stream, microseconds, bytes)."""
    position = 0
    while position + HEADER_SIZE <= len(data):
        stream, time, length = HEADER.unpack_from(data, position)
        end = position + HEADER_SIZE + length
        if end > len(data):
            return
        yield stream, time, data[position + HEADER_SIZE:end]
        position = end
