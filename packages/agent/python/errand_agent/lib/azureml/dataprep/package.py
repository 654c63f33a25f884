"""`azureml.dataprep.package`, so that scripts which import it start."""
from . import not_available

__all__ = ['run', 'run_on_data']


def run(package_path, dataflow_idx=0, secrets=None, spark=None):
    not_available('azureml.dataprep.package.run(%r)' % (package_path,))


def run_on_data(*arguments, **options):
    not_available('azureml.dataprep.package.run_on_data')
