"""Invents telephone customers, some of whom leave: the columns of the churn sample, and nobody's data.

Usage: generate.py FILE [--customers N] [--seed N]

The same seed gives the same file on every machine. Standard library only.
"""
import argparse
import csv
import io
import math
import random

COLUMNS = (
    "age annualincome calldroprate callfailurerate callingnum customerid customersuspended education gender homeowner maritalstatus "
    "monthlybilledamount noadditionallines numberofcomplaints numberofmonthunpaid numdayscontractequipmentplanexpiring occupation "
    "penaltytoswitch state totalminsusedinlastmonth unpaidbalance usesinternetservice usesvoiceservice percentagecalloutsidenetwork "
    "totalcallduration avgcallduration churn year month"
).split()
MISSING = "\\N"
EDUCATION = ("High School or below", "Bachelor or equivalent", "Master or equivalent", "PhD or equivalent")
OCCUPATION = ("Others", "Non-technology Related Job", "Technology Related Job")
STATES = (
    "AK AL AR AZ CA CO CT DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NM NV NY OH OK OR PA RI SC SD TN TX UT "
    "VA VT WA WI WV WY NJ"
).split()


def generate(customers=4000, seed=2015):
    """A CSV text with a header: one to three rows for each customer, a row for each month."""
    chance = random.Random(seed)
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    for number in range(1, customers + 1):
        customer = make_customer(chance, number)
        customer["churn"] = int(chance.random() < leaving_probability(customer))
        for month in range(1, months(chance) + 1):
            table.writerow(dict(customer, month=month, **usage(chance, customer)))
    return text.getvalue()


def make_customer(chance, number):
    return {
        "age": chance.randint(18, 79),
        "annualincome": int(chance.lognormvariate(10.9, 0.6)),
        "calldroprate": chance.randint(0, 7) / 100.0,
        "callfailurerate": chance.randint(0, 3) / 100.0,
        "callingnum": 2005550000 + number,
        "customerid": number,
        "customersuspended": yes(chance, 0.04),
        "education": weighted(chance, EDUCATION, (50, 30, 15, 5)),
        "gender": chance.choice(("Female", "Male")),
        "homeowner": yes(chance, 0.6),
        "maritalstatus": chance.choice(("Married", "Single")),
        "monthlybilledamount": chance.randint(5, 119),
        "noadditionallines": MISSING,
        "numberofcomplaints": weighted(chance, (0, 1, 2, 3), (55, 25, 13, 7)),
        "numberofmonthunpaid": weighted(chance, range(8), (60, 15, 9, 6, 4, 3, 2, 1)),
        "numdayscontractequipmentplanexpiring": chance.randint(0, 99),
        "occupation": weighted(chance, OCCUPATION, (40, 30, 30)),
        "penaltytoswitch": chance.randint(0, 499),
        "state": chance.choice(STATES),
        "totalminsusedinlastmonth": chance.randint(0, 499),
        "unpaidbalance": chance.randint(0, 249),
        "usesinternetservice": yes(chance, 0.5),
        "usesvoiceservice": yes(chance, 0.3),
        "percentagecalloutsidenetwork": chance.randint(0, 99) / 100.0,
        "year": 2015,
    }


def leaving_probability(customer):
    """Complaints, debts, dropped calls and an ending contract drive people away; age, a penalty and much use hold them."""
    pull = -3.4
    pull += 1.9 * customer["numberofcomplaints"]
    pull += 0.4 * customer["numberofmonthunpaid"]
    pull += 14.0 * customer["calldroprate"]
    pull += 3.0 if customer["numdayscontractequipmentplanexpiring"] < 15 and customer["penaltytoswitch"] < 250 else 0.0
    pull += 1.5 if customer["age"] < 30 else -0.02 * (customer["age"] - 30)
    pull -= 1.2 if customer["usesinternetservice"] == "Yes" else 0.0
    pull -= 0.004 * customer["totalminsusedinlastmonth"]
    return 1.0 / (1.0 + math.exp(-pull))


def usage(chance, customer):
    average = max(20, int(chance.gauss(720, 220)))
    calls = 1 + int(customer["totalminsusedinlastmonth"] * chance.uniform(0.5, 1.5) / 60)
    return {"totalcallduration": average * calls, "avgcallduration": average}


def months(chance):
    return weighted(chance, (1, 2, 3), (5, 80, 15))


def yes(chance, share):
    return "Yes" if chance.random() < share else "No"


def weighted(chance, choices, weights):
    place = chance.random() * sum(weights)
    for choice, weight in zip(choices, weights):
        place -= weight
        if place < 0:
            return choice
    return choices[-1]


def main():
    parser = argparse.ArgumentParser(description="Invents telephone customers, some of whom leave.")
    parser.add_argument("file", help="the CSV file to write")
    parser.add_argument("--customers", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=2015)
    options = parser.parse_args()
    with open(options.file, "w", newline="") as file:
        file.write(generate(options.customers, options.seed))


if __name__ == "__main__":
    main()
