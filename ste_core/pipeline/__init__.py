"""Running a study: what it names opened (`resources`), its stages run, resumed and shared out, its cost foreseen."""
