"""The commands of ``stromzaehler``, one module for each group of them; ``cli.py`` puts them together."""
