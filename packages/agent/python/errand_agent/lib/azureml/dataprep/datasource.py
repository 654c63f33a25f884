"""`azureml.dataprep.datasource`, so that scripts which import it start."""
from . import not_available

__all__ = ['load_datasource']


def load_datasource(path, *arguments, **options):
    not_available('azureml.dataprep.datasource.load_datasource(%r)' % (path,))
