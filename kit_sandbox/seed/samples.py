"""Words for invented people, emails and products."""

FIRST_NAMES = (  # noqa: SIM905 (a list would be sixty lines)
    "Ada Ana Arun Bea Bram Cara Chidi Dana Dev Edda Elif Emre Fara Finn Gita Hana Hugo Ida Ines Ivo Jana "
    "Joao Juno Kai Kira Lara Leo Lin Maja Marek Mina Nils Noor Nuri Olga Omar Otto Pia Priya Quin Rafa Rosa "
    "Runa Sami Sena Siri Sven Tala Taro Tess Ugo Uma Vera Viktor Wanda Wim Xenia Yara Yusuf Zara Zoe"
).split()
LAST_NAMES = (  # noqa: SIM905
    "Abara Aydin Bergqvist Bianchi Castellan Dvorak Eklund Farouk Fontaine Grimaldi Haddad Holm Iwata Jansen "
    "Kaplan Kowal Lindqvist Marchetti Mbeki Moreau Nakata Novotny Okafor Olsen Pereira Quist Rahman Rossi "
    "Sandoval Silva Sorensen Tanaka Urban Vasquez Vogel Weiss Yilmaz Zeman"
).split()
DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com", "post.example.org")
COMPANIES = ("Acme", "Northwind Sample", "Blue Door Studio", "Lark & Son", "Paper Boat")
COUNTRIES = ("Sweden", "Brazil", "Japan", "Türkiye", "Canada", "Côte d'Ivoire", "New Zealand")
PLANS = ("free", "starter", "pro")
TAG_NAMES = (  # noqa: SIM905
    "Newsletter,Customer,Lead magnet: checklist,Webinar 2021,Webinar 2023,VIP,Podcast listener,"
    "Course: basics,Course: advanced,Beta tester,Affiliate,Book buyer,Waitlist,Survey 2022,Survey 2024,Cold,"
    "Re-engaged,Speaker lead,Refunded,Workshop spring,Workshop autumn,Interest: design,Interest: writing"
).split(",")
FORM_NAMES = (  # noqa: SIM905
    "Footer sign-up,Sidebar,Checklist landing page,Exit popup,Webinar registration,Quiz result,Book waitlist,"
    "Home page hero,Guest post bonus,Sticky bar"
).split(",")
SEQUENCE_NAMES = (  # noqa: SIM905
    "Welcome,Seven day challenge,Onboarding,Course launch,Abandoned cart,Re-engagement,Book launch,Evergreen"
).split(",")
SUBJECT_STARTS = ("How I", "Why we", "The week we", "Five ways to", "What nobody says when you", "How to")
SUBJECT_ENDS = ("plan a launch", "write every day", "price a course", "lose readers", "start again", "say no")
PRODUCTS = (
    ("Field Guide", "fg-001", 29.0),
    ("Course: basics", "course-b", 149.0),
    ("Course: advanced", "course-a", 349.0),
    ("Sticker set", "st-9", 5.0),
    ("Coaching hour", None, 120.0),
)
CURRENCIES = ("USD", "USD", "USD", "USD", "USD", "USD", "EUR", "EUR", "GBP", "JPY")
REFERRERS = (
    None,
    "",
    "https://www.example.com/",
    "https://blog.example.org/post?utm_source=newsletter&utm_medium=email&utm_campaign=spring",
    "https://social.example.net/@acme",
)
SOURCE = "API::V3::SubscriptionsController (external)"
FIELDS = (
    ("Last name", "last_name"),
    ("Company", "company"),
    ("Country", "country"),
    ("Plan", "plan"),
    ("Interest", "interest"),
    ("Lead opt-in", "lead_opt-in"),
    ("Zip Code", "Zip_Code"),
    ("State", "state"),
    ("Email address", "email_address"),
    ("Birthday", "birthday"),
    ("Notes", "notes"),
    ("T-shirt size", "t-shirt_size"),
)
