"""How well requests reach agents: CLINC150 and BANKING77 as catalogues of agents."""
