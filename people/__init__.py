"""Personal data of the people who charge: what there is about one of them, its export, its erasure, its age."""
