"""Learns which telephone customers leave: naive Bayes against a decision tree.

Usage: train.py [--data FILE] [--seed N]

Without --data: the CSV file in data/ if there is one, else customers that generate.py invents.
Logs the accuracy of both models and leaves the better one, pickled, in outputs/model.pkl.
"""
import argparse
import glob
import io
import os
import pickle

import pandas
from azureml.logging import get_azureml_logger
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from generate import generate

LABEL = "churn"
CUSTOMER = "customerid"
# Names of a customer, not properties: a model would learn them by heart.
NAMES = [CUSTOMER, "callingnum"]


def main():
    options = parse_arguments()
    logger = get_azureml_logger()
    table = read_table(options)
    features = feature_columns(table)
    training, test = split_by_customer(table, options.seed)
    print("{} rows of {} customers, {} features, {:.1%} leave".format(
        len(table), table[CUSTOMER].nunique(), len(features), table[LABEL].mean()))
    logger.log("Rows", len(table))

    baseline = DummyClassifier(strategy="most_frequent").fit(training[features], training[LABEL])
    logger.log("Baseline Accuracy", accuracy_score(test[LABEL], baseline.predict(test[features])))
    models = {}
    for name, classifier in classifiers(options.seed):
        model = make_pipeline(preparation(training, features), classifier)
        chosen_by = cross_val_score(
            model, training[features], training[LABEL], groups=training[CUSTOMER], cv=GroupKFold(3), scoring="roc_auc").mean()
        models[name] = (chosen_by, model.fit(training[features], training[LABEL]))
        report(logger, name, model, test[features], test[LABEL])

    best = max(models, key=lambda name: models[name][0])
    logger.log("Best Model", best)
    path = save_and_check(models[best][1], test[features])
    print("Best in cross-validation: {}. Wrote {}".format(best, path))


def parse_arguments():
    parser = argparse.ArgumentParser(description="Learns which telephone customers leave.")
    parser.add_argument("--data", help="a CSV file; without it the one in data/, else invented customers")
    parser.add_argument("--seed", type=int, default=42, help="of the random split (42)")
    return parser.parse_args()


def read_table(options):
    path = options.data or next(iter(sorted(glob.glob(os.path.join("data", "*.csv")))), None)
    print("Data: {}".format(path or "invented by generate.py"))
    return pandas.read_csv(path or io.StringIO(generate()), na_values=["\\N"])


def feature_columns(table):
    """All that can tell rows apart: no names, no empty column, no column of one value."""
    return [column for column in table.columns if column != LABEL and column not in NAMES and table[column].nunique() > 1]


def split_by_customer(table, seed):
    """A customer has a row for each month: all of them go to the same side, else the test would ask what was learned by heart."""
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.3, random_state=seed)
    training, test = next(splitter.split(table, groups=table[CUSTOMER]))
    return table.iloc[training], table.iloc[test]


def classifiers(seed):
    yield "Naive Bayes", GaussianNB()
    yield "Decision Tree", DecisionTreeClassifier(max_depth=6, min_samples_leaf=20, random_state=seed)


def preparation(table, features):
    numbers = [column for column in features if pandas.api.types.is_numeric_dtype(table[column])]
    words = [column for column in features if column not in numbers]
    # Naive Bayes takes no sparse matrix: a threshold of 0 makes none.
    return ColumnTransformer([
        ("numbers", SimpleImputer(strategy="median"), numbers),
        ("words", OneHotEncoder(handle_unknown="ignore"), words),
    ], sparse_threshold=0)


def report(logger, name, model, rows, labels):
    found = model.predict(rows)
    accuracy = accuracy_score(labels, found)
    area = roc_auc_score(labels, model.predict_proba(rows)[:, 1])
    logger.log(name + " Accuracy", accuracy)
    logger.log(name + " AUC", area)
    (stayed, false_alarms), (missed, caught) = confusion_matrix(labels, found)
    print("{:<14} accuracy {:.4f}   area under the curve {:.4f}   of {} who leave it finds {}, with {} false alarms".format(
        name, accuracy, area, missed + caught, caught, false_alarms))


def save_and_check(model, rows):
    """Pickles the model, loads it again and makes sure that it answers the same."""
    path = os.path.join("outputs", "model.pkl")
    os.makedirs("outputs", exist_ok=True)
    with open(path, "wb") as file:
        pickle.dump(model, file)
    with open(path, "rb") as file:
        loaded = pickle.load(file)
    if (loaded.predict(rows) != model.predict(rows)).any():
        raise ValueError("the model in {} answers otherwise than the one that was written".format(path))
    return path


if __name__ == "__main__":
    main()
