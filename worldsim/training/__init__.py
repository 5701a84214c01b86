"""Training: one loop for every model, with its settings, log, checkpoint and processes."""

from worldsim.training.config import FitConfig as FitConfig
from worldsim.training.loop import FitResult as FitResult
from worldsim.training.loop import Objective as Objective
from worldsim.training.loop import fit as fit
