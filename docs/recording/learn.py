"""Learns the irises again with more and more epochs, and logs how good each is: something to watch.

Usage: learn.py [REGULARIZATION]
"""
import csv
import sys

from azureml.logging import get_azureml_logger

from classifier import accuracy, train

regularization = float(sys.argv[1]) if len(sys.argv) > 1 else 0.01
logger = get_azureml_logger()
with open("iris.csv", newline="") as file:
    lines = list(csv.reader(file))[1:]
rows = [[float(value) for value in line[:-1]] for line in lines]
labels = [line[-1] for line in lines]
for epochs in range(1, 61):
    classifier, losses = train(rows, labels, regularization, epochs)
    logger.log("Loss", losses[-1])
    logger.log("Accuracy", accuracy(classifier, rows, labels))
    if epochs % 15 == 0:
        print("{} epochs: loss {:.4f}".format(epochs, losses[-1]), flush=True)
