"""Where things are below the agent's home, and what a client may name."""
import os
import re

from errand_agent.errors import bad_request

RUN_ID = re.compile(r'[A-Za-z0-9][A-Za-z0-9_-]{0,255}\Z')
DIGEST = re.compile(r'sha256:[0-9a-f]{64}\Z')
# Asked for with each file; found once.
HOMES = {}
STAGING = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.-]{0,300}\Z')


def home():
    """`$ERRAND_HOME`, else `~/.errand`; absolute."""
    named = os.environ.get('ERRAND_HOME')
    if named not in HOMES:
        HOMES[named] = os.path.abspath(named or os.path.join(os.path.expanduser('~'), '.errand'))
    return HOMES[named]


def below(*names):
    return os.path.join(home(), *names)


def agent_folder():
    return os.path.dirname(os.path.abspath(__file__))


def checked_run(value):
    if not isinstance(value, str) or not RUN_ID.match(value):
        raise bad_request('The run id %r is not made of letters, digits, "_" and "-".' % (value,))
    return value


def run_folder(value):
    return below('runs', checked_run(value))


def checked_digest(value):
    """The 64 hex digits of `sha256:<hex>`."""
    if not isinstance(value, str) or not DIGEST.match(value):
        raise bad_request('%r is not a digest of the form sha256:<64 hexadecimal digits>.' % (value,))
    return value[7:]


def checked_staging(value):
    if not isinstance(value, str) or not STAGING.match(value) or '..' in value:
        raise bad_request('%r is not the name of a staged folder.' % (value,))
    return value


def object_path(digest_hex):
    return '%s/objects/%s/%s' % (home(), digest_hex[:2], digest_hex)


def encoded(text):
    """File names travel as JSON text and are written as UTF-8 whatever the locale; bytes that are no UTF-8 as lone surrogates."""
    try:
        return text.encode('utf-8', 'surrogateescape')
    except UnicodeEncodeError:
        raise bad_request('The name %r can not be written as bytes.' % (text,))


def decoded(name):
    return name.decode('utf-8', 'surrogateescape')


def checked_entry_path(path):
    """A relative path of forward slashes that stays inside; returned as it is."""
    if not isinstance(path, str) or not path or '\0' in path:
        raise bad_request('%r is not a relative path.' % (path,))
    for part in path.split('/'):
        if part in ('', '.', '..'):
            raise bad_request('The path %r is not relative to the project, or leaves it.' % (path,))
    return path


def make_folder(path):
    """Creates the folder and what is above it, where they are missing."""
    try:
        os.mkdir(path)
    except FileExistsError:
        pass
    except FileNotFoundError:
        make_folder(os.path.dirname(path))
        make_folder(path)
    return path


def nonce():
    return '%s%s' % (os.getpid(), os.urandom(6).hex())
