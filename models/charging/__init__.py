"""Made loads of households and e-bike chargers, and the network that was trained on them."""
