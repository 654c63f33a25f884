"""The oldest spelling: `from azureml_sdk import data_collector; data_collector.current_run().log(name, value)`."""
from azureml.logging import get_azureml_logger


class data_collector(object):
    """Used as a module by scripts of the time."""

    @staticmethod
    def current_run():
        return get_azureml_logger()


def current_run():
    return get_azureml_logger()
