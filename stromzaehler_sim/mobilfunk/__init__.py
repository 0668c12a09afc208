"""The mobile link: SIM, radio, a model of the way to the operator."""
