"""Adam with stochastic clipping (Lipton and Tripathi 2017, cited in the paper's section 2)."""

from __future__ import annotations

import time

import numpy as np
import tensorflow as tf

from tf_inversion.inversion import lbfgs, objectives

LEARNING_RATE = 0.02
_ROUND = 100  # steps between looks at who is done


def minimize(
    objective: objectives.Objective,
    clips: np.ndarray,
    start: np.ndarray,
    *,
    max_iterations: int,
    tolerance: float = 1e-6,
    goal: float = 0.0,
    seed: int = 0,
    batch_size: int = 64,
) -> lbfgs.Outcome:
    """Minimises the objective for n clips from n starts; components that leave [-1, 1] are drawn anew.

    Arguments as in `lbfgs.minimize`, but that a clip has converged when a round of a hundred steps has
    lowered the best objective so far by less than the share `tolerance`. The best latents seen are returned.
    """
    n, d = start.shape
    best, value = start.copy(), np.full(n, np.inf, np.float32)
    counts, status = np.zeros(n, np.int32), np.full(n, lbfgs.RAN_OUT, np.int32)
    seconds, trace = np.zeros(n, np.float32), [[] for _ in range(n)]
    run = _compiled_round(objective)
    for first in range(0, n, batch_size):
        active = np.arange(first, min(first + batch_size, n))
        z = tf.clip_by_value(tf.constant(start[active]), -1.0, 1.0)
        moments = tf.zeros([len(active), d]), tf.zeros([len(active), d])
        for done in range(0, max_iterations, _ROUND):
            began = time.perf_counter()
            steps = min(_ROUND, max_iterations - done)
            targets = objective.targets(tf.constant(clips[active]), tf.constant(start[active]))
            before = value[active]
            scalars = tf.constant(done), tf.constant(steps), tf.constant(seed)
            state = run(z, moments, tf.constant(best[active]), tf.constant(before), targets, *scalars)
            z, moments, best[active], value[active] = state[0], state[1], state[2].numpy(), state[3].numpy()
            counts[active] += steps
            seconds[active] += (time.perf_counter() - began) / len(active)
            for member in active:
                trace[member].append((int(counts[member]), float(value[member])))
            running = (value[active] < before * (1 - tolerance)) & (value[active] > goal)
            status[active[~running]] = lbfgs.CONVERGED
            active = active[running]
            if not len(active):
                break
            z, moments = tf.boolean_mask(z, running), tuple(tf.boolean_mask(m, running) for m in moments)
    return lbfgs.Outcome(best, value, counts, counts.copy(), status, seconds, trace)


def _compiled_round(objective: objectives.Objective):
    @tf.function(reduce_retracing=True)
    def run(z, moments, best, value, targets, done, steps, seed):
        first, second = moments
        for step in tf.range(done + 1, done + steps + 1):
            current, gradient = objective.value_and_gradient(z, targets)
            better = current < value
            best, value = tf.where(better[:, None], z, best), tf.minimum(value, current)
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            t = tf.cast(step, tf.float32)
            rate = LEARNING_RATE * tf.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            z -= rate * first / (tf.sqrt(second) + 1e-8)
            drawn = tf.random.stateless_uniform(tf.shape(z), [seed, step], -1.0, 1.0)
            z = tf.where(tf.abs(z) > 1, drawn, z)
        return z, (first, second), best, value

    return run
