"""What the place's configuration of pip says, in the variables of uv, which reads none of it: mirrors, certificates, proxies.
Source: pip's documentation, "Configuration" (files, their order, PIP_* variables)."""
import os

SECTIONS = ('global', 'install')
# Key of pip, variable of uv, what stands between several values.
VARIABLES = (
    ('index-url', 'UV_DEFAULT_INDEX', None), ('extra-index-url', 'UV_INDEX', ' '), ('find-links', 'UV_FIND_LINKS', ','),
    ('no-index', 'UV_NO_INDEX', None), ('trusted-host', 'UV_INSECURE_HOST', ' '), ('cert', 'SSL_CERT_FILE', None),
    ('client-cert', 'SSL_CLIENT_CERT', None), ('timeout', 'UV_HTTP_TIMEOUT', None), ('proxy', 'ALL_PROXY', None))


def variables_for_uv(requirements):
    """Variables that are not set already. What the requirements say themselves goes before it, as with pip."""
    settings = pip_settings()
    found = {}
    for key, variable, separator in VARIABLES:
        value = settings.get(key, '').split()
        if not value or os.environ.get(variable) or ('--' + key) in requirements.split():
            continue
        found[variable] = value[0] if separator is None else separator.join(value)
    if 'UV_INDEX' in found and not os.environ.get('UV_INDEX_STRATEGY'):
        # Of pip's indexes the best version wins, wherever it is.
        found['UV_INDEX_STRATEGY'] = 'unsafe-best-match'
    return found


def pip_settings():
    """The last that speaks wins: the machine's file, the user's, that of PIP_CONFIG_FILE, then variables."""
    import configparser
    settings = {}
    for path in configuration_files():
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding='utf-8')
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        for section in SECTIONS:
            if parser.has_section(section):
                settings.update((key.replace('_', '-'), value) for key, value in parser.items(section))
    for key, _, _ in VARIABLES:
        value = os.environ.get('PIP_' + key.upper().replace('-', '_'))
        if value:
            settings[key] = value
    return settings


def configuration_files():
    named = os.environ.get('PIP_CONFIG_FILE')
    if named == os.devnull:
        return []
    home = os.path.expanduser('~')
    folders = [folder for folder in os.environ.get('XDG_CONFIG_DIRS', '/etc/xdg').split(os.pathsep) if folder]
    user = os.environ.get('XDG_CONFIG_HOME') or os.path.join(home, '.config')
    return (['%s/pip/pip.conf' % folder for folder in reversed(folders)] + ['/etc/pip.conf', '/Library/Application Support/pip/pip.conf'] +
            [os.path.join(home, '.pip/pip.conf'), os.path.join(user, 'pip/pip.conf'), os.path.join(home, 'Library/Application Support/pip/pip.conf')] +
            ([named] if named else []))
