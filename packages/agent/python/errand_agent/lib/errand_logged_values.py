"""Turns what a script logs into JSON without losing a number: numpy and pandas are recognised by what they can do, not imported."""
from errand_run_record import warn_once

DEEPEST = 20


def to_json(value, depth=0):
    """The value as JSON. NaN and the infinities become {"$number": …}; what is no data becomes its text."""
    if value is None or isinstance(value, (bool, str)):
        return plain_text(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return number(float(value))
    if depth > DEEPEST:
        return str(value)
    if isinstance(value, dict):
        return {str(key): to_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [to_json(item, depth + 1) for item in value]
    if isinstance(value, (set, frozenset)):
        return [to_json(item, depth + 1) for item in sorted(value, key=repr)]
    if is_table(value):
        return table(value, depth)
    if hasattr(value, 'tolist') and not isinstance(value, type):
        # numpy arrays and scalars, pandas series: `tolist` gives Python's own numbers.
        plain = value.tolist()
        return to_json(plain, depth + 1) if plain is not value else str(value)
    if hasattr(value, 'item') and not isinstance(value, type):
        return to_json(value.item(), depth + 1)
    name = '%s.%s' % (type(value).__module__, type(value).__name__)
    warn_once('type ' + name, 'a logged value of type %s is recorded as its text' % name)
    return plain_text(str(value))


def plain_text(text):
    """Text that can be written as UTF-8."""
    return text.encode('utf-8', 'replace').decode('utf-8') if any('\ud800' <= char <= '\udfff' for char in text) else text


def number(value):
    if value != value:
        return {'$number': 'NaN'}
    if value in (float('inf'), float('-inf')):
        return {'$number': 'Infinity' if value > 0 else '-Infinity'}
    return value


def from_json(value):
    """The numbers that JSON has no words for, as they were."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if isinstance(value, dict):
        if set(value) == {'$number'}:
            return float(value['$number'].replace('Infinity', 'inf'))
        return {key: from_json(item) for key, item in value.items()}
    return value


def is_table(value):
    """A pandas DataFrame, or what behaves like one."""
    return hasattr(value, 'to_dict') and hasattr(value, 'columns')


def table(value, depth=0):
    """{column: list} of a data frame or dictionary; a single value becomes a list of one."""
    columns = value.to_dict('list') if is_table(value) else value
    found = {}
    for name, column in columns.items():
        plain = to_json(column, depth + 1)
        found[str(name)] = plain if isinstance(plain, list) else [plain]
    return found


def kind_and_value(value):
    """(kind of metric, JSON) for a value of any type."""
    if is_table(value) or isinstance(value, dict):
        return 'table', table(value)
    plain = to_json(value)
    return ('list' if isinstance(plain, list) else 'value'), plain
