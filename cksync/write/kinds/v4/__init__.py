"""The kinds of change as API v4 makes them: people by id, and in bulk calls where OAuth allows them.

What a lost answer may have done is done again where that changes nothing: API v4 returns the tag, field, person or
membership that exists.
"""
