"""Counts the words of the texts in text/ with Spark: `wordcount.py [SHORTEST]` leaves out words of fewer letters."""
import csv
import re
import sys

from azureml.logging import get_azureml_logger
from pyspark.sql import SparkSession


def words_of(line):
    return re.findall(r"[a-z]+(?:'[a-z]+)?", line.lower())


shortest = int(sys.argv[1]) if len(sys.argv) > 1 else 1
session = SparkSession.builder.getOrCreate()
words = session.sparkContext.textFile('text/*.txt').flatMap(words_of).filter(lambda word: len(word) >= shortest)
counts = words.map(lambda word: (word, 1)).reduceByKey(lambda left, right: left + right)
ranking = sorted(counts.collect(), key=lambda pair: (-pair[1], pair[0]))

for word, count in ranking[:10]:
    print('%5d  %s' % (count, word))

logger = get_azureml_logger()
logger.log('Words', sum(count for _, count in ranking))
logger.log('Distinct Words', len(ranking))
logger.log('Most Frequent', ranking[0][0])

# With Python's own means it lies with the driver, with Spark's in the run's folder of the cluster's storage: both come back.
with open('outputs/ranking.csv', 'w', newline='') as file:
    csv.writer(file).writerows([('word', 'count')] + ranking)
session.createDataFrame(ranking, ['word', 'count']).coalesce(1).write.parquet('outputs/ranking.parquet')
session.stop()
