"""The optimizers: `config` names them, one module implements each."""
