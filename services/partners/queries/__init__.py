"""What can be read of the registry. Who asks is a parameter everywhere; the routes say who may ask at all."""
