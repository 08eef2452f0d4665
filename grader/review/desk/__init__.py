"""The desk: reports and review sheets in a browser on this machine, and nowhere else."""
