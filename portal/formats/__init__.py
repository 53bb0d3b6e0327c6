"""How dates are typed and shown in inputs, where Django's own way is not plain enough."""
