-- What a stored state is called where it is another one at the moment of reading: the only two that there are.
if(counted_state = 'SENT', 'SCHEDULED', 'LOST')
