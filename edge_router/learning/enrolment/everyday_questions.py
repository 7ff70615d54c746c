"""Short everyday questions with gold answers, written for this project: what people ask a device.

The public tables hold exams. Without these, nothing in the data shows what a very small model is
good at.
"""

from __future__ import annotations

from collections.abc import Iterator

Question = tuple[str, str, str, str]  # kind, metric (see grading.py), question, gold

CAPITALS = """France Paris, Germany Berlin, Italy Rome, Spain Madrid, Portugal Lisbon, Japan Tokyo,
China Beijing, Russia Moscow, Egypt Cairo, Greece Athens, Poland Warsaw, Austria Vienna,
Hungary Budapest, Sweden Stockholm, Norway Oslo, Finland Helsinki, Denmark Copenhagen,
Ireland Dublin, Turkey Ankara, Iran Tehran, Iraq Baghdad, Kenya Nairobi, Ghana Accra, Cuba Havana,
Peru Lima, Chile Santiago, Canada Ottawa, Australia Canberra, Thailand Bangkok, Vietnam Hanoi,
Belgium Brussels, Ukraine Kyiv|Kiev, Romania Bucharest, Bulgaria Sofia, Jordan Amman,
Lebanon Beirut, Nepal Kathmandu, Cambodia Phnom_Penh, Philippines Manila, Indonesia Jakarta"""

OPPOSITES = """hot cold, big small|little, up down, left right, day night, black white, happy sad,
fast slow, young old, rich poor, open closed|close|shut, hard soft|easy, wet dry, light dark|heavy,
early late, full empty, loud quiet|silent, strong weak, high low, long short, buy sell, love hate,
begin end, win lose, true false, clean dirty, thick thin, wide narrow, push pull, inside outside"""

COLOURS = """the_sky_on_a_clear_day blue, grass green, fresh_snow white, a_ripe_banana yellow,
blood red, coal black, a_ripe_tomato red, an_orange orange, chocolate brown, a_lemon yellow,
an_emerald green, a_ruby red, milk white, a_ripe_strawberry red, a_polar_bear white"""

PAST_TENSES = """go went, eat ate, see saw, run ran, take took, write wrote, drink drank, sing sang,
swim swam, buy bought, think thought, teach taught, fly flew, give gave, come came, make made,
speak spoke, break broke, know knew, begin began, drive drove, sleep slept, walk walked, play played"""

PLURALS = """child children, mouse mice, foot feet, tooth teeth, man men, woman women, goose geese,
cat cats, box boxes, city cities, leaf leaves, knife knives, sheep sheep, person people, baby babies,
bus buses, wolf wolves, potato potatoes, hero heroes, toy toys"""

SOUNDS = """dog bark|woof, cat meow, cow moo, duck quack, sheep baa, lion roar, horse neigh, pig oink,
owl hoot, bee buzz, snake hiss, frog croak|ribbit"""

SPANISH = """hello hola, water agua, house casa, dog perro, cat gato, friend amigo, thank_you gracias,
yes sí|si, good bueno|buena, milk leche, bread pan, red rojo, sun sol, book libro, night noche,
day día|dia, school escuela, family familia, love amor, white blanco"""

CONTINENTS = """France Europe, Brazil South_America, Japan Asia, Kenya Africa, Canada North_America,
Egypt Africa, India Asia, Germany Europe, Argentina South_America, Mexico North_America, China Asia,
Nigeria Africa, Italy Europe, Thailand Asia, Peru South_America, Morocco Africa, Norway Europe,
Vietnam Asia, Ghana Africa, Spain Europe"""

KINDS = """rose plant animal, dog animal plant, oak plant animal, salmon fish bird, eagle bird fish,
carrot vegetable fruit, apple fruit vegetable, piano instrument tool, hammer tool instrument,
car vehicle building, house building vehicle, gold metal gas, oxygen gas metal, ant insect mammal,
whale mammal insect, football sport food, pizza food sport, Python_code software hardware,
keyboard hardware software, Mars planet star, the_Sun star planet, milk drink meal,
January month weekday, Monday weekday month, triangle shape number, seven number shape"""

FACTS = """How many days are there in a week?|7|seven
How many months are there in a year?|12|twelve
How many hours are there in a day?|24|twenty-four
How many minutes are there in an hour?|60|sixty
How many seconds are there in a minute?|60|sixty
How many legs does a spider have?|8|eight
How many legs does a dog have?|4|four
How many wheels does a bicycle have?|2|two
How many sides does a triangle have?|3|three
How many sides does a square have?|4|four
How many cents are there in a dollar?|100|hundred
How many letters are there in the English alphabet?|26|twenty-six
How many centimetres are there in a metre?|100|hundred
How many metres are there in a kilometre?|1000|1,000|thousand
How many planets are there in the solar system?|8|eight
How many continents are there?|7|seven
How many players are there in a football team on the field?|11|eleven
How many strings does a violin have?|4|four
How many days are there in a leap year?|366
At what temperature in degrees Celsius does water freeze?|0|zero
At what temperature in degrees Celsius does water boil?|100|hundred
What do bees make?|honey
What gas do humans need to breathe?|oxygen
What is frozen water called?|ice
Which planet do we live on?|earth
Which star is closest to the Earth?|sun
What is the largest ocean?|pacific
What is the largest planet in the solar system?|jupiter
What is the tallest animal?|giraffe
What is the fastest land animal?|cheetah
What is the chemical formula of water?|h2o|h₂o
Who wrote Romeo and Juliet?|shakespeare
Who painted the Mona Lisa?|leonardo|vinci
Who was the first president of the United States?|washington
Who wrote Hamlet?|shakespeare
Who developed the theory of relativity?|einstein
Which language is spoken in Brazil?|portuguese
Which language is spoken in Mexico?|spanish
Which currency is used in Japan?|yen
Which currency is used in the United States?|dollar
Which season comes after winter?|spring
Which season comes after summer?|autumn|fall
In which direction does the Sun rise?|east
In which direction does the Sun set?|west
What is the colour you get by mixing blue and yellow?|green
What is the colour you get by mixing red and white?|pink
What is the last letter of the alphabet?|z
What do you call a baby dog?|puppy
What do you call a baby cat?|kitten
What organ pumps blood through the body?|heart
What do plants need for photosynthesis besides water and carbon dioxide?|light|sunlight
What force pulls objects to the ground?|gravity"""

COMPARISONS = """Which metal is attracted by a magnet, iron or gold?|iron|gold
Which is heavier, a gram or a kilogram?|kilogram|gram
Which is bigger, an elephant or a mouse?|elephant|mouse
Which is faster, a bicycle or a car?|car|bicycle
Which comes first, breakfast or dinner?|breakfast|dinner
Which is colder, fire or ice?|ice|fire
Is the Earth flat or round?|round|flat
Is a tomato red or blue?|red|blue
Is the Sun hot or cold?|hot|cold
Is summer warmer or colder than winter?|warmer|colder"""

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = (
    "January February March April May June July August September October November December"
).split()


def everyday_questions() -> Iterator[Question]:
    """All everyday questions, always in the same order."""
    yield from _pairs("capital", CAPITALS, "What is the capital of {}?")
    yield from _pairs("capital", CAPITALS, "Which city is the capital of {}? Answer briefly.")
    yield from _pairs("opposite", OPPOSITES, "What is the opposite of {}?")
    yield from _pairs("colour", COLOURS, "What colour is {}?")
    yield from _pairs("grammar", PAST_TENSES, 'What is the past tense of "{}"?')
    yield from _pairs("grammar", PLURALS, 'What is the plural of "{}"?')
    yield from _pairs("animal", SOUNDS, "What sound does a {} make?")
    yield from _pairs("translation", SPANISH, 'Translate "{}" into Spanish.')
    yield from _pairs("continent", CONTINENTS, "On which continent is {}?")
    yield from _categories()
    yield from _sequences()
    yield from _facts()
    yield from _sums()


def _entries(block: str) -> Iterator[list[str]]:
    for entry in block.replace("\n", " ").split(","):
        yield [part.replace("_", " ") for part in entry.split()]


def _pairs(kind: str, block: str, template: str) -> Iterator[Question]:
    for asked, answer in _entries(block):
        yield kind, "text", template.format(asked), answer


def _categories() -> Iterator[Question]:
    for thing, right, wrong in _entries(KINDS):
        first, second = sorted((right, wrong))
        question = f"Is {thing} a kind of {first} or a kind of {second}?"
        yield "category", "first", question, f"{right}|{wrong}"


def _sequences() -> Iterator[Question]:
    for day, following in zip(DAYS, DAYS[1:] + DAYS[:1], strict=True):
        yield "calendar", "text", f"Which day comes after {day}?", following
        yield "calendar", "text", f"Which day comes before {following}?", day
    for month, following in zip(MONTHS, MONTHS[1:] + MONTHS[:1], strict=True):
        yield "calendar", "text", f"Which month comes after {month}?", following


def _facts() -> Iterator[Question]:
    for line in FACTS.splitlines():
        question, _, answers = line.partition("|")
        yield "fact", "text", question, answers
    for line in COMPARISONS.splitlines():
        question, _, pair = line.partition("|")
        yield "fact", "first", question, pair


def _sums() -> Iterator[Question]:
    for a in range(1, 10):
        for b in (2, 5, 9):
            yield "sum", "number", f"What is {a} + {b}?", str(a + b)
    for a, b in ((12, 9), (25, 17), (48, 36), (130, 250), (999, 1), (347, 468), (1250, 3775)):
        yield "sum", "number", f"What is {a} + {b}?", str(a + b)
        yield "sum", "number", f"What is {a + b} - {b}?", str(a)
    for a in range(2, 10):
        for b in (3, 7):
            yield "product", "number", f"What is {a} times {b}?", str(a * b)
    for a, b in ((12, 12), (15, 20), (23, 45), (125, 8), (317, 29)):
        yield "product", "number", f"What is {a} times {b}?", str(a * b)
