"""The search for latents of clips that no latents make exactly: many starts, most of them given up early.

Such an objective has many minima, so that another start gains more than the last iterations of one; but
which start leads furthest shows after few iterations. Successive halving (Jamieson and Talwalkar 2016,
"Non-stochastic best arm identification and hyperparameter optimization"): all starts get a few, the worse
half is dropped, the others get twice as many in all, until one is left. With k starts and n iterations of
the last, that is n (1 + log2(k) / 2) evaluations instead of n k.
"""

from __future__ import annotations

import numpy as np

from tf_inversion.batching import in_batches
from tf_inversion.inversion import batch
from tf_inversion.inversion.search import Search

#: Where the inverter's answer has a relative error of at most this, the generator made the clip. Of
#: recordings, whose phase no generator matches, the answers are no nearer than silence, which has 0 dB.
OWN_DB = -1.0


class Race(Search):
    """A search in which the starts of a clip race, unless its objective is of the waveform.

    Of two programs, the first is for clips that their first start tells for the generator's own.
    """

    def run(self, starts: np.ndarray) -> batch.Outcome:
        own = self._own(starts[:, 0]) if len(self.programs) > 1 else np.ones(len(starts), bool)
        self.choice = np.where(own, 0, 1)
        outcome = batch.Outcome.at(starts[:, 0])
        for number, program in enumerate(self.programs):
            rows = np.flatnonzero(self.choice == number)
            racing = len(program) == 1 and "waveform" not in program[0][0].objective.weights
            at_once = self.settings.batch_size if racing else max(len(rows), 1)
            for first in range(0, len(rows), at_once):
                part = rows[first : first + at_once]
                search = self._race if racing else self._in_turn
                outcome = outcome.updated(part, search(program, part, starts[part]))
        return outcome

    def _own(self, latents: np.ndarray) -> np.ndarray:
        made = in_batches(
            self.generator,
            latents[:, : self.generator.latent_dim],
            batch_size=self.settings.batch_size,
        )
        error, energy = (
            np.square(x, dtype=np.float64).reshape(len(x), -1).sum(1) for x in (made - self.audio, self.audio)
        )
        return error <= 10 ** (OWN_DB / 10) * energy

    def _in_turn(self, program, rows: np.ndarray, starts: np.ndarray) -> batch.Outcome:
        def report(worked, *others):
            self.on_round(rows[worked], *others)

        search = Search(self.audio[rows], self.generator, self.method, self.settings, [program], report)
        return search.run(starts)

    def _race(self, program, rows: np.ndarray, starts: np.ndarray) -> batch.Outcome:
        """Returns the winners' outcomes of clips [m] from starts [m, num_starts, d]; evaluations, all's."""
        ((solver, maxiter),) = program
        (m, count), state = starts.shape[:2], None
        start = starts.reshape(m * count, -1)
        trace: list[list[tuple[int, float]]] = [[] for _ in range(m * count)]
        evaluations, seconds = np.zeros(m, np.int32), np.zeros(m, np.float32)
        while True:

            def report(worked, state, count=count):
                clips = np.unique(worked // count)
                values = np.where(state.evaluations > 0, state.value, np.inf).reshape(m, count)
                leaders = clips * count + np.argsort(values[clips], 1)[:, 0]
                shares = state.iterations.reshape(m, count)[clips].mean(1) / maxiter
                self.on_round(rows[clips], shares, state.z[leaders])

            options = solver.options(
                -(-maxiter // count), self.method.tolerance, seed=self.settings.seed % 2**31
            )
            outcome, state = batch.advance(
                solver,
                self.audio[np.repeat(rows, count)],
                start,
                options,
                self.settings.batch_size,
                report,
                state,
            )
            trace = [earlier + points for earlier, points in zip(trace, outcome.trace)]
            seconds += outcome.seconds.reshape(m, count).sum(1)
            if count == 1:
                break
            order = np.argsort(outcome.objective.reshape(m, count), 1)  # NaN is last
            best, dropped = (
                (order[:, part] + count * np.arange(m)[:, None]).ravel()
                for part in (slice(-(-count // 2)), slice(-(-count // 2), None))
            )
            evaluations += outcome.evaluations[dropped].reshape(m, -1).sum(1)
            state = type(state)(*(array[best] for array in state))
            start, trace, count = start[best], [trace[i] for i in best], -(-count // 2)
        self.on_round(rows, np.ones(m), outcome.latents)
        return outcome._replace(evaluations=evaluations + outcome.evaluations, seconds=seconds, trace=trace)
