// The cases with PETSc's distributed arrays (DMDA), periodic or with walls, on MPI ranks: heat64 by DMGlobalToLocal and a
// loop over the own cells; cg by KSPCG without a preconditioner, its matrix as a product without a stored matrix
// (MatShell), which moves less memory than a stored one. Told what to do as rival.h says; ranks that wait sleep.
#include <petscdmda.h>
#include <petscksp.h>
#include <string.h>
#include <unistd.h>

static DM da;
static Vec t, local, b, x;
static KSP solver;
static int cg;
static PetscInt n, low[3], size[3]; // x, y, z, as PETSc has them
static int rank;

static double parabola(PetscInt i, int axis)
{
    long j = (i + (axis + 1) * n / 8) % n;
    return 4.0 * (double)(j * (n - j)) / ((double)n * (double)n);
}
static double weight(PetscInt i, int inner)
{
    long edge = n / 4 < 32 ? n / 4 : 32;
    return inner && (i < edge || i >= n - edge) ? 0 : 1 + (double)i / (double)n;
}

static void fill(Vec v, double base)
{
    PetscScalar ***a;
    DMDAVecGetArray(da, v, &a);
    for (PetscInt k = low[2]; k < low[2] + size[2]; k++)
        for (PetscInt j = low[1]; j < low[1] + size[1]; j++)
            for (PetscInt i = low[0]; i < low[0] + size[0]; i++)
                a[k][j][i] = base + parabola(k, 0) * parabola(j, 1) * parabola(i, 2);
    DMDAVecRestoreArray(da, v, &a);
}

static double total(Vec v, int inner)
{
    PetscScalar ***a;
    double sum = 0, all;
    DMDAVecGetArrayRead(da, v, &a);
    for (PetscInt k = low[2]; k < low[2] + size[2]; k++)
        for (PetscInt j = low[1]; j < low[1] + size[1]; j++)
            for (PetscInt i = low[0]; i < low[0] + size[0]; i++)
                sum += weight(k, inner) * weight(j, inner) * weight(i, inner) * a[k][j][i];
    DMDAVecRestoreArrayRead(da, v, &a);
    MPI_Allreduce(&sum, &all, 1, MPI_DOUBLE, MPI_SUM, PETSC_COMM_WORLD);
    return all;
}

static void heat_step(void)
{
    const double own = 1 - 6 * 0.1, alpha = 0.1;
    PetscScalar ***from, ***to;
    DMGlobalToLocal(da, t, INSERT_VALUES, local);
    DMDAVecGetArrayRead(da, local, &from);
    DMDAVecGetArray(da, t, &to);
    for (PetscInt k = low[2]; k < low[2] + size[2]; k++)
        for (PetscInt j = low[1]; j < low[1] + size[1]; j++) {
            PetscScalar *restrict o = to[k][j];
            const PetscScalar *c = from[k][j], *s = from[k][j - 1], *nn = from[k][j + 1];
            const PetscScalar *d = from[k - 1][j], *u = from[k + 1][j];
            for (PetscInt i = low[0]; i < low[0] + size[0]; i++)
                o[i] = own * c[i] + alpha * ((c[i - 1] + c[i + 1]) + (s[i] + nn[i]) + (d[i] + u[i]));
        }
    DMDAVecRestoreArray(da, t, &to);
    DMDAVecRestoreArrayRead(da, local, &from);
}

// Minus the Laplacian; walls half a cell beyond the outer cells, where zero is: what lies beyond is the negative.
static PetscErrorCode multiply(Mat matrix, Vec in, Vec out)
{
    PetscScalar ***from, ***to;
    (void)matrix;
    DMGlobalToLocal(da, in, INSERT_VALUES, local);
    DMDAVecGetArray(da, local, &from);
    DMDAVecGetArrayWrite(da, out, &to);
    for (PetscInt k = low[2]; k < low[2] + size[2]; k++)
        for (PetscInt j = low[1]; j < low[1] + size[1]; j++) {
            PetscInt first = low[0], end = low[0] + size[0];
            PetscScalar *restrict o = to[k][j], *c = from[k][j];
            if (first == 0) c[-1] = -c[0];
            if (end == n) c[n] = -c[n - 1];
            if (j > 0 && j < n - 1 && k > 0 && k < n - 1) {
                const PetscScalar *s = from[k][j - 1], *nn = from[k][j + 1], *d = from[k - 1][j], *u = from[k + 1][j];
                for (PetscInt i = first; i < end; i++)
                    o[i] = 6 * c[i] - ((c[i - 1] + c[i + 1]) + (s[i] + nn[i]) + (d[i] + u[i]));
            } else
                for (PetscInt i = first; i < end; i++) {
                    double along_y = (j > 0 ? from[k][j - 1][i] : -c[i]) + (j < n - 1 ? from[k][j + 1][i] : -c[i]);
                    double along_z = (k > 0 ? from[k - 1][j][i] : -c[i]) + (k < n - 1 ? from[k + 1][j][i] : -c[i]);
                    o[i] = 6 * c[i] - ((c[i - 1] + c[i + 1]) + along_y + along_z);
                }
        }
    DMDAVecRestoreArrayWrite(da, out, &to);
    DMDAVecRestoreArray(da, local, &from);
    return 0;
}

// Conjugate gradients begin anew each time: their set-up is one product more, and counts as a step.
static void steps(PetscInt count)
{
    if (!cg)
        for (; count > 0; count--) heat_step();
    else {
        KSPSetTolerances(solver, 1e-300, 1e-300, 1e300, count);
        KSPSolve(solver, b, x);
    }
}

static void reset(void)
{
    if (cg)
        fill(b, 0);
    else
        fill(t, 1);
}

static int by_size(const void *a, const void *b_)
{
    double p = *(const double *)a, q = *(const double *)b_;
    return (p > q) - (p < q);
}

static double timed(PetscInt count)
{
    MPI_Barrier(PETSC_COMM_WORLD);
    double start = MPI_Wtime();
    steps(count);
    MPI_Barrier(PETSC_COMM_WORLD);
    return MPI_Wtime() - start;
}

// What the first rank is told, told to all; the others sleep meanwhile. {0, 0} is the end.
static void listen(long told[2])
{
    char line[256], verb[32] = "";
    MPI_Request request;
    int there = 0;
    told[0] = told[1] = 0;
    if (rank == 0 && fgets(line, sizeof line, stdin) && sscanf(line, "%31s %*s %ld", verb, &told[1]) == 2)
        told[0] = verb[0];
    MPI_Ibcast(told, 2, MPI_LONG, 0, PETSC_COMM_WORLD, &request);
    for (;;) {
        MPI_Test(&request, &there, MPI_STATUS_IGNORE);
        if (there) return;
        usleep(500);
    }
}

int main(int count, char **words)
{
    if (count < 4) return fprintf(stderr, "usage: mpirun -n THREADS %s CASE N THREADS [serve]\n", words[0]), 2;
    n = atol(words[2]);
    cg = strcmp(words[1], "cg") == 0;
    PetscInitializeNoArguments();
    MPI_Comm_rank(PETSC_COMM_WORLD, &rank);
    DMBoundaryType edge = cg ? DM_BOUNDARY_GHOSTED : DM_BOUNDARY_PERIODIC;
    // Cut along z, so that halos are whole planes.
    DMDACreate3d(PETSC_COMM_WORLD, edge, edge, edge, DMDA_STENCIL_STAR, n, n, n, 1, 1, PETSC_DECIDE, 1, 1, NULL, NULL,
                 NULL, &da);
    DMSetUp(da);
    DMDAGetCorners(da, &low[0], &low[1], &low[2], &size[0], &size[1], &size[2]);
    DMCreateLocalVector(da, &local);
    if (cg) {
        Mat matrix;
        PC none;
        PetscInt own = size[0] * size[1] * size[2];
        DMCreateGlobalVector(da, &b), VecDuplicate(b, &x);
        MatCreateShell(PETSC_COMM_WORLD, own, own, PETSC_DETERMINE, PETSC_DETERMINE, NULL, &matrix);
        MatShellSetOperation(matrix, MATOP_MULT, (void (*)(void))multiply);
        KSPCreate(PETSC_COMM_WORLD, &solver);
        KSPSetOperators(solver, matrix, matrix);
        KSPSetType(solver, KSPCG), KSPGetPC(solver, &none), PCSetType(none, PCNONE);
        // The norm that is at hand, as the others have it.
        KSPSetNormType(solver, KSP_NORM_NATURAL);
    } else
        DMCreateGlobalVector(da, &t);
    reset();
    if (count == 4) {
        double rates[9];
        steps(2);
        for (int i = 0; i < 9; i++) rates[i] = 8.0 * (double)n * (double)n * (double)n / timed(8);
        qsort(rates, 9, sizeof *rates, by_size);
        if (rank == 0)
            printf("{\"case\": \"%s\", \"rival\": \"PETSc\", \"n\": %ld, \"threads\": %s, \"cells_per_s\": %.4e}\n",
                   words[1], (long)n, words[3], rates[4]);
    } else
        for (long told[2];;) {
            listen(told);
            if (told[0] == 0) break;
            if (told[0] == 'c') {
                reset();
                steps(told[1]);
                double all = total(cg ? x : t, 0), inner = total(cg ? x : t, 1);
                if (rank == 0) printf("{\"all\": %.17g, \"inner\": %.17g}\n", all, inner);
            } else {
                steps(2);
                double seconds = timed(told[1]);
                if (rank == 0) printf("{\"seconds\": %.9g}\n", seconds);
            }
            fflush(stdout);
        }
    PetscFinalize();
    return 0;
}
