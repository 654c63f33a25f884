"""Where in an address a credential stands. `credentials.ts` says the same of the files of a project."""
import re

LOGIN = re.compile(
    r'(ssh)?(://|--proxy[=\s]+[\'"]?(?!\S{0,9}://))((?:[^\s/?#]{1,2000}|[^\s/?#:@]{1,500}:(?!\d*(?:[/?#]|$))[^\s@]{1,2000})@)', re.IGNORECASE)
TOKEN = re.compile(r'(://\S{0,1000}?/t/)([^/\s]+)(?=/)')
QUERY = re.compile(r'(://[^\s?#]{0,2000}\?)([^\s#]*[^\s#\'"`<>,;()\[\]])')
SECRET = re.compile(
    r'(?:^|[-_.])(?:sig|key|auth|credential)=|(?:token|secret|password|passwd|signature|apikey|accesskey)=', re.IGNORECASE)
SIGNATURE = re.compile(r'(?:sig|(?:x-(?:amz|goog)-)?signature)=', re.IGNORECASE)


def hidden(text):
    """`***` in place of each credential."""
    return replaced(text, '***')


def dropped(text):
    """Addresses as they are for everybody."""
    return re.sub(r'\0@|/t/\0|[?&]\0', '', replaced(text, '\0').replace('\0&', ''))


def replaced(text, other):
    """A user's name alone, as in `ssh://git@host`, is no credential. A query with a signature is one."""
    def login(found):
        ssh, before, name = found.groups()
        return found.group() if ssh and ':' not in name else (ssh or '') + before + other + '@'

    def query(found):
        parts = found.group(2).split('&')
        if any(SIGNATURE.match(part) for part in parts):
            return found.group(1) + other
        return found.group(1) + '&'.join(other if SECRET.search(part.split('=')[0] + '=') and '=' in part else part for part in parts)

    return QUERY.sub(query, TOKEN.sub(lambda found: found.group(1) + other, LOGIN.sub(login, text)))
