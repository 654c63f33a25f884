"""Data preparation files of the desktop product: scripts may import these modules; a call says what to do instead."""


def not_available(what):
    raise NotImplementedError('%s reads files of Azure ML Workbench, which is not available here: read the data with pandas instead.' % what)
