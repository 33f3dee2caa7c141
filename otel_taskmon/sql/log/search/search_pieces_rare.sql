-- Those of its pieces that few texts hold: reading where a common piece stands costs more than all the rest.
{search_pieces:Array(String)}
