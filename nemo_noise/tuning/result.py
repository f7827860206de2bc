# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""What a tuning came to, as a record, as JSON, and in one sentence."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nemo_noise import whole_file
from nemo_noise.training.best_in_noise import Validation
from nemo_noise.tuning.options import Learn

__all__ = ["Tuned", "read_result", "write_result"]


@dataclass(frozen=True)
class Tuned:
    """What a tuning came to; error rates are WER on dev, 0 to 1.

    Attributes:
        output: the model, a `.nemo`.
        start: the checkpoint as it was given.
        learn: what learned.
        learning: how many parameters learned.
        parameters: of the model.
        steps: optimizer steps that were made.
        best: the validation whose weights the model has; step 0 where the tuning did not help.
        validations: all of them, the start first.
        stopped_by: why it ended before its last step, None where it did not.
        mixtures: how many noisy dev mixtures there are.
        mixtures_sha256: of all of them.
        speech: the dev speech as it was given.
        noise: the noise as it was given.
        picture: both curves.
        command: a file with NeMo's own command.
    """

    output: str
    start: str
    learn: Learn
    learning: int
    parameters: int
    steps: int
    best: Validation
    validations: tuple[Validation, ...]
    stopped_by: str | None
    mixtures: int
    mixtures_sha256: str | None
    speech: Any
    noise: Any
    picture: str
    command: str

    @property
    def before(self) -> Validation:
        """The error rates of the start."""
        return self.validations[0]

    @property
    def has_helped(self) -> bool:
        """Whether dev has fewer errors in noise than before, with clean speech within the tolerance."""
        return self.best.noisy < self.before.noisy

    def sentence(self) -> str:
        """What came of it, for people."""
        before, best = self.before, self.best
        if not self.has_helped:
            return (
                f"No gain: of {len(self.validations) - 1} validations none had fewer errors in noise and clean speech "
                f"as good as before (clean {_percent(before.clean)}, noisy {_percent(before.noisy)} WER on dev); "
                f"{self.output} has the weights of {self.start}."
            )
        fewer = 100 * (1 - best.noisy / before.noisy)
        return (
            f"On dev, WER in noise went from {_percent(before.noisy)} to {_percent(best.noisy)} ({fewer:.0f} % fewer "
            f"errors) and clean WER from {_percent(before.clean)} to {_percent(best.clean)}, at step {best.step}; dev "
            "chose these weights and is not a test."
        )

    def next_command(self) -> str:
        """The command that tests it, on speech and noise of no training, which the user has to name."""
        command = ["nemo-noise", "card", self.output, "--baseline", self.start]
        return shlex.join([*command, "--speech", "test.json", "--noise", "test_noise/"])

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        data = asdict(self)
        data |= {"learn": self.learn.value, "best": self.best._asdict(), "has_helped": self.has_helped}
        data["validations"] = [one._asdict() for one in self.validations]
        return data | {"before": self.before._asdict(), "sentence": self.sentence(), "next": self.next_command()}


def write_result(tuned: Tuned, recipe: Mapping[str, Any], path: Path) -> None:
    """Writes the result of a finished tuning beside what decided it."""
    content = {"recipe": recipe, "result": tuned.as_json()}
    whole_file.write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_result(path: Path) -> Tuned:
    """Reads what `write_result` wrote."""
    data = json.loads(path.read_text(encoding="utf-8"))["result"]
    known = {name: data[name] for name in Tuned.__dataclass_fields__}
    known["learn"] = Learn(data["learn"])
    known["best"], known["validations"] = _read(data["best"]), tuple(map(_read, data["validations"]))
    return Tuned(**known)


def _read(one: Mapping[str, Any]) -> Validation:
    return Validation(int(one["step"]), float(one["clean"]), float(one["noisy"]))


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"
