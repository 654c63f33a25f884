"""Multinomial logistic regression on plain lists: small enough to read, and it needs nothing but Python."""
import math


class Classifier(object):
    """One row of weights for each class, on columns that are scaled to mean 0 and deviation 1."""

    def __init__(self, classes, means, deviations, weights):
        self.classes = classes
        self.means = means
        self.deviations = deviations
        self.weights = weights

    def scale(self, row):
        """The row as the weights want it: scaled, with a 1 in front for the intercept."""
        return [1.0] + [(value - mean) / deviation for value, mean, deviation in zip(row, self.means, self.deviations)]

    def probabilities(self, row):
        return softmax(scores(self.weights, self.scale(row)))

    def predict(self, row):
        chances = self.probabilities(row)
        return self.classes[chances.index(max(chances))]

    def to_dictionary(self):
        return {
            "classes": self.classes,
            "means": self.means,
            "deviations": self.deviations,
            "weights": self.weights,
        }

    @classmethod
    def from_dictionary(cls, saved):
        return cls(saved["classes"], saved["means"], saved["deviations"], saved["weights"])


def train(rows, labels, regularization, epochs=150, rate=0.5, momentum=0.9):
    """Gradient descent on the mean cross entropy plus an L2 penalty. Returns the classifier and the loss of each epoch."""
    classes = sorted(set(labels))
    means = [sum(column) / len(column) for column in zip(*rows)]
    deviations = [deviation(column, mean) for column, mean in zip(zip(*rows), means)]
    width = len(means) + 1
    classifier = Classifier(classes, means, deviations, [[0.0] * width for _ in classes])
    scaled = [classifier.scale(row) for row in rows]
    targets = [classes.index(label) for label in labels]
    velocity = [[0.0] * width for _ in classes]
    losses = []
    for _ in range(epochs):
        loss, gradient = loss_and_gradient(classifier.weights, scaled, targets, regularization)
        losses.append(loss)
        for weights, speeds, slopes in zip(classifier.weights, velocity, gradient):
            for index in range(width):
                speeds[index] = momentum * speeds[index] - rate * slopes[index]
                weights[index] += speeds[index]
    return classifier, losses


def loss_and_gradient(weights, rows, targets, regularization):
    # The intercept, column 0, is not held small.
    loss = regularization / 2 * sum(value * value for line in weights for value in line[1:])
    gradient = [[0.0] + [regularization * value for value in line[1:]] for line in weights]
    share = 1.0 / len(rows)
    for row, target in zip(rows, targets):
        chances = softmax(scores(weights, row))
        loss -= share * math.log(max(chances[target], 1e-300))
        chances[target] -= 1.0
        for line, error in zip(gradient, chances):
            step = share * error
            for index, value in enumerate(row):
                line[index] += step * value
    return loss, gradient


def scores(weights, row):
    return [sum([weight * value for weight, value in zip(line, row)]) for line in weights]


def softmax(values):
    highest = max(values)
    powers = [math.exp(value - highest) for value in values]
    total = sum(powers)
    return [power / total for power in powers]


def deviation(column, mean):
    return math.sqrt(sum((value - mean) ** 2 for value in column) / len(column)) or 1.0


def accuracy(classifier, rows, labels):
    """The share of rows whose label the classifier finds."""
    return sum(classifier.predict(row) == label for row, label in zip(rows, labels)) / float(len(rows))
