"""Progress for where nothing can be redrawn: a log, a pipe."""

from tqdm import tqdm

_BRIEF = 2  # seconds


class Lines(tqdm):
    """A tqdm that writes a line of its own every ten seconds, and one at the end.

    What would leave no bar on a terminal leaves no line either if it is brief.
    """

    def __init__(self, *args, leave=True, **options):
        self._from = 0 if leave else _BRIEF
        # A bar that stays would end in a line feed of its own.
        super().__init__(*args, leave=False, mininterval=10, miniters=1, **options)

    def display(self, msg=None, pos=None) -> None:
        """Writes the state; tqdm calls this at the start too, and at the end to erase the bar."""
        if self.n > self.last_print_n and self.format_dict["elapsed"] >= self._from:
            print(self, file=self.fp, flush=True)
