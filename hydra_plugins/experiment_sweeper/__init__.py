# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""Lets any launcher of Hydra run the jobs of an experiment: `experiments/run.py --multirun hydra/launcher=...`."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class ExperimentSweeper(Sweeper):
    """Gives the launcher batches of jobs: at a time all whose needs are met.

    Args:
        options: those of Hydra's own sweeper, which have no meaning here.
    """

    def __init__(self, **options: Any) -> None:
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None
        self.hydra_context: HydraContext | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Makes the launcher that the command line names."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Runs an experiment to its table; what it cannot do without is imported here, not in every application.

        Args:
            arguments: overrides of the experiment's config, as for a run without a launcher.
        """
        assert self.hydra_context is not None and self.launcher is not None
        config = self.hydra_context.config_loader.load_sweep_config(self.config, arguments)
        launcher, launched = self.launcher, 0

        def launch(names: Sequence[str]) -> None:
            nonlocal launched
            batch = [[*arguments, f"job={name}"] for name in names]
            self.validate_batch_is_legal(batch)
            for result in launcher.launch(batch, initial_job_idx=launched):
                _ = result.return_value  # raises what the job raised
            launched += len(batch)

        experiment = OmegaConf.masked_copy(config, [name for name in config if name != "hydra"])
        import_module("experiments.launching").run_launched(experiment, launch)
