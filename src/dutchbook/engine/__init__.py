"""The composition: feed -> opportunity -> risk -> execution -> ledger. The only room where deciding meets I/O."""
