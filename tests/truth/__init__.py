"""What is recorded of real executions, held against what the tasks themselves wrote down: ``make truth``."""
