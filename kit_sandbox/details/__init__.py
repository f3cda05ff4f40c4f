"""What v4 tells of people, mails and sequences beyond their records: made from the seed and the id, the same each time.

None of it is drawn from the generators that the records come from, so v3 shows what it always did.
"""
