"""Learns to tell three kinds of iris from four measures of their flowers.

Usage: train.py [REGULARIZATION] [--seed N] [--epochs N]

Logs metrics, and leaves a model and a picture in outputs/.
"""
import argparse
import csv
import json
import os
import random

from azureml.logging import get_azureml_logger

from classifier import Classifier, accuracy, train
from picture import draw

FOLDS = 5


def main():
    options = parse_arguments()
    logger = get_azureml_logger()
    columns, rows, labels = read_table("iris.csv")
    print("Iris: {} flowers, {} measures, {} species".format(len(rows), len(columns), len(set(labels))))
    print("Regularization rate: {:g}".format(options.regularization))
    logger.log("Regularization Rate", options.regularization)

    training, test = split(labels, 0.3, options.seed)
    classifier, losses = train(pick(rows, training), pick(labels, training), options.regularization, options.epochs)
    logger.log("Loss", losses)
    print("Loss: {:.4f} before training, {:.4f} after {} epochs".format(losses[0], losses[-1], len(losses)))

    reached = accuracy(classifier, pick(rows, test), pick(labels, test))
    logger.log("Accuracy", reached)
    print("Accuracy: {:.4f} on {} flowers it has not seen".format(reached, len(test)))

    by_fold = cross_validate(rows, labels, options)
    logger.log("Fold Accuracy", by_fold)
    logger.log("Cross-Validation Accuracy", sum(by_fold) / len(by_fold))
    print("Cross-validation: {:.4f} in the mean of {} folds".format(sum(by_fold) / len(by_fold), len(by_fold)))

    print()
    print_confusion(classifier, pick(rows, test), pick(labels, test))

    os.makedirs("outputs", exist_ok=True)
    save_model(os.path.join("outputs", "model.json"), classifier, columns, options)
    draw(os.path.join("outputs", "iris.svg"), columns, rows, labels, test, classifier, options.regularization)
    print()
    print("Wrote outputs/model.json and outputs/iris.svg")


def parse_arguments():
    parser = argparse.ArgumentParser(description="Learns to tell three kinds of iris apart.")
    parser.add_argument("regularization", nargs="?", type=float, default=0.01, help="how much to hold the weights small (0.01)")
    parser.add_argument("--seed", type=int, default=1936, help="of the random split (1936)")
    parser.add_argument("--epochs", type=int, default=150, help="steps of gradient descent (150)")
    options = parser.parse_args()
    if not 0 <= options.regularization <= 2:
        parser.error("the regularization rate is a number from 0 to 2")
    if options.epochs < 1:
        parser.error("at least one epoch is needed")
    return options


def read_table(path):
    with open(path, newline="") as file:
        header, *lines = csv.reader(file)
    return header[:-1], [[float(value) for value in line[:-1]] for line in lines], [line[-1] for line in lines]


def split(labels, share, seed):
    """Row numbers for training and for the test, with each species in both by its share."""
    chance = random.Random(seed)
    training, test = [], []
    for species in sorted(set(labels)):
        members = [index for index, label in enumerate(labels) if label == species]
        chance.shuffle(members)
        size = int(round(len(members) * share))
        test += members[:size]
        training += members[size:]
    return sorted(training), sorted(test)


def cross_validate(rows, labels, options):
    """The accuracy of each fold, learned on all the others. Each species is dealt to the folds in turn."""
    chance = random.Random(options.seed)
    shuffled = list(range(len(rows)))
    chance.shuffle(shuffled)
    dealt = sorted(shuffled, key=lambda index: labels[index])
    folds = [dealt[number::FOLDS] for number in range(FOLDS)]
    reached = []
    for fold in folds:
        others = [index for index in dealt if index not in fold]
        classifier, _ = train(pick(rows, others), pick(labels, others), options.regularization, options.epochs)
        reached.append(accuracy(classifier, pick(rows, fold), pick(labels, fold)))
    return reached


def pick(values, indexes):
    return [values[index] for index in indexes]


def print_confusion(classifier, rows, labels):
    found = [classifier.predict(row) for row in rows]
    width = max(len(name) for name in classifier.classes) + 2
    print("Confusion matrix (a row is a species, a column is what it was taken for)")
    print(" " * width + "".join(name.rjust(width) for name in classifier.classes))
    for species in classifier.classes:
        counts = [sum(1 for pair in zip(labels, found) if pair == (species, name)) for name in classifier.classes]
        print(species.rjust(width) + "".join(str(count).rjust(width) for count in counts))


def save_model(path, classifier, columns, options):
    """Writes the model, reads it again and makes sure that it is the same one."""
    saved = dict(classifier.to_dictionary(), columns=columns, regularization=options.regularization, seed=options.seed)
    with open(path, "w") as file:
        json.dump(saved, file, indent=2, sort_keys=True)
        file.write("\n")
    with open(path) as file:
        loaded = Classifier.from_dictionary(json.load(file))
    if loaded.to_dictionary() != classifier.to_dictionary():
        raise ValueError("the model in {} is not the one that was written".format(path))


if __name__ == "__main__":
    main()
