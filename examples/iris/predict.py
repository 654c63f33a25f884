"""Names the species of a flower with a model that train.py has written.

Usage: predict.py MODEL SEPAL_LENGTH SEPAL_WIDTH PETAL_LENGTH PETAL_WIDTH        (all in centimetres)
"""
import argparse
import json

from classifier import Classifier


def main():
    parser = argparse.ArgumentParser(description="Names the species of a flower.")
    parser.add_argument("model", help="the model.json of a run")
    parser.add_argument("measures", nargs=4, type=float, metavar="CM", help="sepal length and width, petal length and width")
    options = parser.parse_args()
    with open(options.model) as file:
        classifier = Classifier.from_dictionary(json.load(file))
    chances = classifier.probabilities(options.measures)
    for chance, species in sorted(zip(chances, classifier.classes), reverse=True):
        print("{:<12}{:6.1%}".format(species, chance))


if __name__ == "__main__":
    main()
