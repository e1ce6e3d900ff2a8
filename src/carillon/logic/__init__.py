"""Pure decisions: values in, values out; standard library only, no clock, no I/O."""
