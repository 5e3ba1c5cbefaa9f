"""The sequencer: one process that gives the leaves their places in the log, writes its tiles and signs its heads."""
