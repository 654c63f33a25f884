#!/bin/sh
# Called like conda: makes a prefix of the python3 on the PATH, without channels and network. `pyspark` among the specs brings a spark-submit.
if [ "$1" = --version ]; then
  echo conda 24.1.0
  exit
fi
while [ $# -gt 1 ]; do
  case "$1" in
  --prefix) prefix=$2 ;;
  --file) file=$2 ;;
  esac
  shift
done
python3 -m venv --without-pip "$prefix" || exit
mkdir "$prefix/conda-meta"
for spec in $(cat "$file"); do
  name=${spec%%=*}
  echo "{\"name\": \"$name\", \"version\": \"1.0\", \"build\": \"h0_0\", \"files\": []}" >"$prefix/conda-meta/$name.json"
  [ "$name" = broken ] && echo "nothing provides requested broken" && exit 1
  [ "$name" = pyspark ] || continue
  folder=$(echo "$prefix"/lib/python3*/site-packages)/pyspark
  mkdir -p "$folder/bin"
  echo >"$folder/__init__.py"
  printf '#!/bin/sh\nexport SPARK_STARTED="$*"\nwhile [ "$1" = --conf ]; do shift 2; done\nexec "$PYSPARK_DRIVER_PYTHON" "$@"\n' >"$folder/bin/spark-submit"
  chmod +x "$folder/bin/spark-submit"
done
exit 0
