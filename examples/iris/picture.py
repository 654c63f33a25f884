"""Draws the flowers and what a classifier makes of the plane between them, as an SVG."""
from classifier import train

# Petal length and petal width: the two measures that tell the species apart best.
ACROSS, UP = 2, 3
LEFT, TOP, WIDTH, HEIGHT = 76, 92, 620, 400
COLOURS = ("#3b6fb6", "#d9822b", "#3d9a6c")
MARKS = (
    '<circle r="4.6"/>',
    '<path d="M-4.3,-4.3H4.3V4.3H-4.3Z"/>',
    '<path d="M0,-5.6L5.2,4.2H-5.2Z"/>',
)
STYLE = (
    "text{font-family:Helvetica,Arial,sans-serif;fill:#333}"
    ".title{font-size:19px;font-weight:bold}.note{font-size:12.5px;fill:#666}"
    ".tick{font-size:12px;fill:#555}.name{font-size:14px}"
)


def draw(path, columns, rows, labels, test, classifier, regularization):
    """`test` holds the numbers of the rows that `classifier` has not learned from; those it takes for another species get a ring."""
    points = [(row[ACROSS], row[UP]) for row in rows]
    plane, _ = train(points, labels, regularization)
    frame = Frame(points)
    missed = [index for index in test if classifier.predict(rows[index]) != labels[index]]
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 560" width="860" height="560" role="img">',
        "<title>Iris: petal length and width of 150 flowers of three species</title>",
        "<style>{}</style>".format(STYLE),
        '<rect width="860" height="560" fill="#fff"/>',
        text(LEFT, 38, "Fisher's irises, told apart by their petals", "title"),
        text(LEFT, 62, "Areas: a classifier of these two measures alone. Rings: test flowers that the model of all four gets wrong.", "note"),
    ]
    parts += regions(plane, frame)
    parts += axes(columns, frame)
    parts += flowers(plane.classes, points, labels, frame)
    parts += ['<circle cx="{:.1f}" cy="{:.1f}" r="10" fill="none" stroke="#b3202c" stroke-width="2"/>'.format(*frame.place(points[index])) for index in missed]
    parts += legend(plane.classes, len(missed))
    parts.append("</svg>")
    with open(path, "w") as file:
        file.write("\n".join(parts) + "\n")


class Frame(object):
    """From centimetres to places in the picture, with a margin of half a tick."""

    def __init__(self, points):
        self.low = [0.0, 0.0]
        self.high = [max(column) + margin for column, margin in zip(zip(*points), (0.3, 0.2))]

    def place(self, point):
        across, up = [(value - low) / (high - low) for value, low, high in zip(point, self.low, self.high)]
        return LEFT + across * WIDTH, TOP + HEIGHT - up * HEIGHT

    def corners(self):
        (left, bottom), (right, top) = self.low, self.high
        return [(left, bottom), (right, bottom), (right, top), (left, top)]


def regions(plane, frame):
    """Where a class has the highest score is what is left of the frame once it is cut along its border with each other class."""
    lines = [plane_line(plane, weights) for weights in plane.weights]
    drawn = []
    for number, mine in enumerate(lines):
        area = frame.corners()
        for other in lines[:number] + lines[number + 1:]:
            area = cut(area, [a - b for a, b in zip(mine, other)])
        corners = " ".join("{:.1f},{:.1f}".format(*frame.place(point)) for point in area)
        if corners:
            drawn.append('<polygon points="{}" fill="{}" fill-opacity="0.15" stroke="#fff" stroke-width="2"/>'.format(corners, COLOURS[number]))
    return drawn


def plane_line(plane, weights):
    """The score of a class as `a + b * x + c * y` in centimetres."""
    slopes = [weight / deviation for weight, deviation in zip(weights[1:], plane.deviations)]
    return [weights[0] - sum(slope * mean for slope, mean in zip(slopes, plane.means))] + slopes


def cut(area, line):
    """The part of a convex area where `a + b * x + c * y` is not negative."""
    kept = []
    for start, end in zip(area, area[1:] + area[:1]):
        before, after = [line[0] + line[1] * x + line[2] * y for x, y in (start, end)]
        if before >= 0:
            kept.append(start)
        if before * after < 0:
            share = before / (before - after)
            kept.append(tuple(a + share * (b - a) for a, b in zip(start, end)))
    return kept


def axes(columns, frame):
    parts = []
    for value in range(0, int(frame.high[0]) + 1):
        x, bottom = frame.place((value, 0))
        parts.append('<path d="M{0:.1f},{1}V{2}" stroke="#000" stroke-opacity="0.08"/>'.format(x, TOP, TOP + HEIGHT))
        parts.append(text(x, bottom + 20, value, "tick", "middle"))
    for half in range(0, int(frame.high[1] * 2) + 1):
        left, y = frame.place((0, half / 2.0))
        parts.append('<path d="M{0},{1:.1f}H{2}" stroke="#000" stroke-opacity="0.08"/>'.format(LEFT, y, LEFT + WIDTH))
        parts.append(text(left - 10, y + 4, half / 2.0, "tick", "end"))
    parts.append('<path d="M{0},{1}V{2}H{3}" fill="none" stroke="#777"/>'.format(LEFT, TOP, TOP + HEIGHT, LEFT + WIDTH))
    parts.append(text(LEFT + WIDTH / 2.0, TOP + HEIGHT + 48, spoken(columns[ACROSS]), "name", "middle"))
    middle = TOP + HEIGHT / 2.0
    parts.append('<g transform="rotate(-90 28 {0:.1f})">{1}</g>'.format(middle, text(28, middle, spoken(columns[UP]), "name", "middle")))
    return parts


def spoken(column):
    return "{} (cm)".format(column.replace("_", " ").capitalize())


def flowers(classes, points, labels, frame):
    """Flowers of the same measures lie on each other: they are see-through, so that more of them look darker."""
    parts = []
    for number, species in enumerate(classes):
        parts.append('<g fill="{}" fill-opacity="0.7" stroke="#fff" stroke-width="0.8">'.format(COLOURS[number]))
        for point, label in zip(points, labels):
            if label == species:
                parts.append('<g transform="translate({:.1f},{:.1f})">{}</g>'.format(*(frame.place(point) + (MARKS[number],))))
        parts.append("</g>")
    return parts


def legend(classes, missed):
    parts = []
    x = LEFT + WIDTH + 24
    for number, species in enumerate(classes):
        y = TOP + 20 + 28 * number
        parts.append('<g transform="translate({},{})" fill="{}">{}</g>'.format(x, y, COLOURS[number], MARKS[number]))
        parts.append(text(x + 16, y + 5, species, "name"))
    y = TOP + 20 + 28 * len(classes)
    parts.append('<circle cx="{}" cy="{}" r="7" fill="none" stroke="#b3202c" stroke-width="2"/>'.format(x, y))
    parts.append(text(x + 16, y + 5, "{} wrong".format(missed), "name"))
    return parts


def text(x, y, content, style, anchor="start"):
    escaped = str(content).replace("&", "&amp;").replace("<", "&lt;")
    return '<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>'.format(x, y, style, anchor, escaped)
