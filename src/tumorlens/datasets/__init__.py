"""Published collections of brain MRI and made head phantoms: catalogue, layouts, splits and leak audit."""
