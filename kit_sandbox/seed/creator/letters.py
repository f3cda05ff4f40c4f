"""The words of the newsletter: subjects, the text of a letter, and the mails of its sequences."""

from random import Random
from typing import NamedTuple

from ...extras import Appeal
from .growth import LAUNCHES

_TOPICS = (  # the thing, and how much readers care for it
    ("cold proofing", 1.04),
    ("rye starters", 0.95),
    ("oven steam", 1.0),
    ("scoring a loaf", 1.03),
    ("baguettes", 1.06),
    ("wholewheat flour", 0.92),
    ("focaccia", 1.14),
    ("pizza dough", 1.16),
    ("brioche", 1.05),
    ("bagels", 1.08),
    ("flatbreads", 0.97),
    ("hydration", 0.93),
    ("discard recipes", 1.12),
    ("milk bread", 1.05),
    ("ciabatta", 1.02),
    ("seeded loaves", 0.96),
    ("bread knives", 0.88),
    ("shaping", 1.0),
    ("sandwich loaves", 1.07),
    ("pretzels", 1.06),
    ("cinnamon rolls", 1.18),
    ("home milling", 0.86),
)
_FRAMES = (  # the subject, and how well it is opened and clicked
    ("What I got wrong about {topic}", 1.16, 70),
    ("A simpler way to make sense of {topic}", 1.0, 90),
    ("{Topic}, step by step", 1.02, 170),
    ("Five questions about {topic}, answered", 1.08, 110),
    ("The case for {topic}", 0.9, 60),
    ("{Topic} on a weeknight", 1.04, 150),
    ("Notes from the kitchen: {topic}", 0.86, 55),
    ("The one thing that changed my mind about {topic}", 1.12, 80),
    ("Readers' letters: {topic}", 0.82, 45),
)
SITE = "https://slowloaf.example.com"


class Letter(NamedTuple):
    """A mail to the list: how well its subject is opened (1: as usual), and how many openers (per mille) click."""

    subject: str
    preview: str
    links: tuple[str, ...]
    opens: float
    clicks: int
    leaving: float = 1.0


def weekly(number: int) -> Letter:
    """The letter of a week; no subject comes twice in three years."""
    topic, liked = _TOPICS[(number * 5) % len(_TOPICS)]
    frame, opens, clicks = _FRAMES[number % len(_FRAMES)]
    subject = frame.format(topic=topic, Topic=topic.capitalize())
    page = f"{SITE}/letters/{topic.replace(' ', '-')}-{number}"
    links = (page, f"{SITE}/recipes/{topic.replace(' ', '-')}", f"{SITE}/starter-guide")
    return Letter(subject, f"This week's letter is about {topic}.", links, opens * liked, clicks)


def launch_letters(number: int) -> tuple[tuple[int, Letter], ...]:
    """The mails of a launch, by days after its first."""
    name = COURSES[number]
    page = (f"{SITE}/{name.lower().replace(' ', '-')}", f"{SITE}/questions")
    return (
        (-7, Letter(f"{name} is almost here", "A look inside, a week early.", page, 1.05, 140, 1.3)),
        (0, Letter(f"{name} is open", "Early birds save 20 % until tomorrow night.", page, 1.1, 230, 1.9)),
        (3, Letter(f"Your questions about {name}", "Time, tools, and what if I fail?", page, 0.88, 120, 1.7)),
        (6, Letter(f"Last day: {name} closes tonight", "The doors close at midnight.", page, 0.98, 190, 2.4)),
    )


def workshop_letter(title: str) -> Letter:
    links = (f"{SITE}/workshop", f"{SITE}/starter-guide")
    return Letter(f"Live workshop: {title}", "Two hours, one loaf, all your questions.", links, 0.96, 120, 1.2)


COURSES = ("Bread in a Week", "Sourdough Masterclass")
WORKSHOPS = (
    "your first baguette",
    "rye from scratch",
    "pizza night",
    "holiday breads",
    "shaping",
    "one dough, three ways",
    "bagels at home",
    "starters and discard",
    "laminated dough",
    "summer flatbreads",
    "baking for a crowd",
)
assert len(COURSES) == len(LAUNCHES)


class Mail(NamedTuple):
    """A mail of a sequence: when it comes after the one before, and how it does."""

    subject: str
    preview: str
    delay: int
    unit: str
    opens: float
    clicks: int


WELCOME = (
    Mail("Welcome: here is what to expect", "One letter a week, and a short hello.", 1, "hours", 1.5, 160),
    Mail("What do you bake?", "One click, so that I send what you need.", 1, "days", 1.35, 330),
    Mail("The loaf I started with", "Four ingredients, no machine.", 2, "days", 1.25, 180),
    Mail("Keep your starter alive", "The guide, if you want all of it.", 3, "days", 1.15, 170),
    Mail("Where to begin in the archive", "Five letters that readers come back to.", 3, "days", 1.1, 210),
)
INVITATION = (
    Mail("A week with one dough", "What the course is, and whom it is for.", 1, "hours", 1.1, 140),
    Mail("What your kitchen needs (very little)", "A pot, a bowl, a scale.", 2, "days", 1.0, 110),
    Mail("How Maria got her oven spring back", "A student's first week.", 2, "days", 0.98, 130),
    Mail("Before you decide", "Answers, and the price until Sunday.", 2, "days", 0.95, 160),
)


def appeal(opens: float, clicks: int) -> Appeal:
    return Appeal(round(opens * 1_000), clicks)


def body(random: Random, subject: str, link: str) -> str:
    """The text of a mail, as the editor would save it."""
    opening = random.choice(
        (
            "I baked this on Sunday, twice, and once more on Monday.",
            "A reader wrote to me last week, and her question is a good one.",
            "It rained all weekend, so the oven stayed on.",
            "This one took me longer than I like to admit.",
        )
    )
    return (
        f"<h1>{subject}</h1><p>Hi {{{{ subscriber.first_name | default: 'there' }}}},</p><p>{opening}</p>"
        f'<p><a href="{link}">Read the whole letter</a></p><p>Happy baking,<br>Nora</p>'
        '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
    )
