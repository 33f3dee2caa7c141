candidate ASC
