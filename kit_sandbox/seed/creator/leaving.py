"""Who leaves, and who comes back."""

from ... import edits
from ...extras import Reader
from .story import DAY_MS, Story


def leave(story: Story, person_id: int) -> bool:
    """Unsubscribe; one in fifty comes back some months later."""
    if not story.is_active(person_id):
        return False
    edits.cancel(story.world, person_id)
    if story.random.random() < 0.02:
        story.after(story.random.uniform(40, 300) * DAY_MS, lambda: _return(story, person_id))
    return True


def _return(story: Story, person_id: int) -> None:
    person = story.world.subscribers.get(person_id)
    if person is not None and person.state == "cancelled":
        edits.reactivate(story.world, person_id)
        cold_ms = story.world.ms() + 400 * DAY_MS
        story.world.extras.readers[person_id] = Reader(600, cold_ms)
