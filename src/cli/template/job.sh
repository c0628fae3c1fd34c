#!/bin/bash
# The run on a Slurm cluster: sbatch job.sh. It saves its state before the time limit, is queued again and goes on until it is done.
# `target/release/{name} submit job.toml --nodes 2 --time 12:00:00` writes a script that survives lost nodes, too.
#SBATCH --job-name={name}
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=01:00:00
#SBATCH --signal=USR1@120
#SBATCH --requeue
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append

# The modules that the program was built with:
# module load gcc openmpi hdf5

# The ranks of a node, here one, divide its CPUs. Open MPI needs pmix, MPICH and Intel MPI need pmi2.
srun -K --mpi="${MPI_PLUGIN:-pmix}" --cpus-per-task=$((SLURM_CPUS_ON_NODE / SLURM_NTASKS_PER_NODE)) \
    target/release/{name} run job.toml --output runs/job --resume "$@"
code=$?

if [ $code -eq 75 ]; then # stopped with its state saved
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $code
