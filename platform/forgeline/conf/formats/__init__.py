"""How numbers and dates are written, where Django says otherwise than a plant does."""
