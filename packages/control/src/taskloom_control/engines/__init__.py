"""The engines that roll plans out: `config` names them, one module implements each."""
